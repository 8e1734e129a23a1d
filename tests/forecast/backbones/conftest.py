"""What every backbone must keep, whoever made it: `tracets.testing.check_backbone`."""

import pytest

from tracets.testing import check_backbone
from tracets.testing import windows as contract_windows


@pytest.fixture(scope="session")
def windows():
    return contract_windows()[:3]


@pytest.fixture(scope="session")
def keeps_contract():
    return check_backbone
