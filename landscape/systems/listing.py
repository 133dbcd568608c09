"""All systems of the estate."""

from landscape.systems import (
    billing,
    contact_centre,
    crm,
    dealer,
    field_service,
    fixed_line,
    loyalty,
    mobile,
    self_care,
    webshop,
)
from landscape.systems.base import System

ALL: tuple[System, ...] = (
    billing.SYSTEM,
    mobile.SYSTEM,
    crm.SYSTEM,
    contact_centre.SYSTEM,
    webshop.SYSTEM,
    self_care.SYSTEM,
    dealer.SYSTEM,
    field_service.SYSTEM,
    loyalty.SYSTEM,
    fixed_line.SYSTEM,
)
"""In the order in which a stranger would meet them: mainframe, services, databases, files."""
