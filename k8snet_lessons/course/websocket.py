"""A server extension: what a kernel answers leaves for the browser at once.

Jupyter's server leaves Nagle's algorithm on for the websocket to the browser. A small message
that follows another one ("busy", then the answer) then waits until the browser's system has
acknowledged the first, which may put that off by 40 ms. A knob turned by hand feels that.
"""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

SETTING = "kernel_websocket_connection_class"


class PromptConnection(ZMQChannelsWebsocketConnection):
    """The stock connection between a browser and a kernel, with TCP_NODELAY."""

    def connect(self) -> Any:
        """Connect the two."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "k8snet_lessons.course.websocket"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Take the place of the stock connection; leave any other (a gateway's) alone."""
    settings = server.web_app.settings
    if settings.get(SETTING) is ZMQChannelsWebsocketConnection:
        settings[SETTING] = PromptConnection
