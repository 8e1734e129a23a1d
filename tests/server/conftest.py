"""A service of the tiny index, asked in its own process."""

import json

import pytest
from starlette.testclient import TestClient

from tracets.server.app import create_app
from tracets.server.settings import ServerSettings


@pytest.fixture(scope="module")
def serve(index_folder, model_folder):
    """A function that starts a service with some settings; a client of it."""
    clients = []

    def start(**settings):
        app = create_app(index_folder, settings=ServerSettings(**settings), model=str(model_folder))
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(serve):
    return serve()


@pytest.fixture
def ask(client):
    """Post to the service; the answer, which must be sound JSON with status 200."""

    def post(path, **body):
        response = client.post(path, json=body)
        assert response.status_code == 200, response.text
        return json.loads(response.text, parse_constant=pytest.fail)  # NaN is not JSON

    return post
