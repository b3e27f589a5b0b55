"""``spatial targets``: is the city on course, and what proves it? One command for each question that an examiner asks."""
