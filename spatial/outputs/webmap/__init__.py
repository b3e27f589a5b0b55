"""The map: one self-contained page that opens without a network and shows the table, nothing else."""

from spatial.outputs.webmap.figures import metrics_of as metrics_of
from spatial.outputs.webmap.page import edition_of as edition_of
from spatial.outputs.webmap.page import is_ours as is_ours
from spatial.outputs.webmap.page import write_map as write_map
