"""Where a request comes from, by its socket's address. Behind a proxy that is the proxy's: local mode has none."""

import ipaddress


def address_is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def address_is_private(address: str) -> bool:
    """This machine or its own network."""
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
