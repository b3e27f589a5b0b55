"""Tables, map, GeoPackage: they only show the table."""
