"""What componentize-py makes the plugin of; the report itself is in `report.py`."""

import forensic
import report
from wit_world import exports
from wit_world.imports.types import Document, PluginInfo, Request


class Plugin(exports.Plugin):
    def describe(self) -> PluginInfo:
        return PluginInfo(report.NAME, report.VERSION, report.TITLE)

    def render(self, request: Request) -> Document:
        return forensic.call_render(report.render, request)
