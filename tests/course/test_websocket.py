"""The server extension that sends a kernel's answers at once."""

from types import SimpleNamespace

import pytest
from jupyter_server.gateway.connections import GatewayWebSocketConnection
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from k8snet_lessons.course import websocket


def loaded(connection_class: type) -> type:
    """The class that a server uses after the extension was loaded."""
    settings = {websocket.SETTING: connection_class}
    server = SimpleNamespace(web_app=SimpleNamespace(settings=settings))
    websocket._load_jupyter_server_extension(server)
    return settings[websocket.SETTING]


def test_it_takes_the_stock_connections_place_and_no_others() -> None:
    assert loaded(ZMQChannelsWebsocketConnection) is websocket.PromptConnection
    assert loaded(GatewayWebSocketConnection) is GatewayWebSocketConnection


def test_a_connection_does_not_hold_small_messages_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: "connected")
    said: list[bool] = []
    handler = SimpleNamespace(set_nodelay=said.append)
    monkeypatch.setattr(websocket.PromptConnection, "websocket_handler", handler)
    connection = websocket.PromptConnection.__new__(websocket.PromptConnection)
    assert connection.connect() == "connected"
    assert said == [True]
