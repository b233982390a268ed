"""A van and a lorry; see `vehicle_models`."""

from __future__ import annotations

from collections.abc import Sequence

from semore_gym.backends.embedded.blueprints import Body
from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.backends.embedded.scenery.vehicle_parts import GLASS, PLASTIC, add_wheels, tag_of


def add_van(mesh: Mesh, body: Body, paint: Sequence[float], fine: bool) -> None:
    """Add a van with a sloping nose."""
    half, side, height, tag = body.length / 2, body.width / 2, body.height, tag_of(body)
    nose, screen = half - 0.75, half - 1.55
    mesh.box((-half, -side, 0.35), (screen, side, height), paint, tag)
    mesh.add(
        [(screen, -side, height), (nose, -side, 1.25), (nose, side, 1.25), (screen, side, height)], GLASS, tag
    )
    mesh.add([(nose, -side, 1.25), (half, -side, 0.95), (half, side, 0.95), (nose, side, 1.25)], paint, tag)
    mesh.add([(half, -side, 0.3), (half, side, 0.3), (half, side, 0.95), (half, -side, 0.95)], paint, tag)
    for s in (-1.0, 1.0):
        lower = [
            (screen, s * side, 0.35),
            (half, s * side, 0.35),
            (half, s * side, 0.95),
            (nose, s * side, 1.25),
        ]
        upper = [(screen, s * side, 0.35), (nose, s * side, 1.25), (screen, s * side, height)]
        window = [
            (screen - 0.5, s * (side + 0.01), 1.3),
            (nose - 0.1, s * (side + 0.01), 1.3),
            (screen + 0.1, s * (side + 0.01), height - 0.25),
            (screen - 0.5, s * (side + 0.01), height - 0.25),
        ]
        for quad, color in ((lower, paint), ([*upper, upper[-1]], paint), (window, GLASS)):
            mesh.add(quad if s < 0 else [quad[0], quad[3], quad[2], quad[1]], color, tag)
    back = -half - 0.01
    for y0, y1 in ((-side + 0.15, -0.06), (0.06, side - 0.15)):
        mesh.add(
            [(back, y1, 1.45), (back, y0, 1.45), (back, y0, height - 0.3), (back, y1, height - 0.3)],
            GLASS,
            tag,
        )
    mesh.add(
        [(back, 0.02, 0.5), (back, -0.02, 0.5), (back, -0.02, height), (back, 0.02, height)], PLASTIC, tag
    )
    add_wheels(mesh, body, (-0.29, 0.31), 0.36, fine)


def add_lorry(mesh: Mesh, body: Body, paint: Sequence[float], fine: bool) -> None:
    """Add a box lorry."""
    half, side, height, tag = body.length / 2, body.width / 2, body.height, tag_of(body)
    cab = half - 1.9
    cargo = (0.86, 0.86, 0.83)
    mesh.box((-half, -side, 1.05), (cab - 0.25, side, height), cargo, tag)
    mesh.box((-half + 0.1, -side * 0.8, 0.55), (half - 0.3, side * 0.8, 1.05), PLASTIC, tag)
    mesh.box((cab, -side * 0.95, 0.5), (half, side * 0.95, height * 0.86), paint, tag)
    front, low, high = half + 0.012, 1.55, height * 0.8
    mesh.add(
        [
            (front, -side * 0.88, low),
            (front, side * 0.88, low),
            (front, side * 0.88, high),
            (front, -side * 0.88, high),
        ],
        GLASS,
        tag,
    )
    for s in (-1.0, 1.0):
        y = s * (side * 0.95 + 0.012)
        window = [(cab + 0.5, y, low), (half - 0.15, y, low), (half - 0.15, y, high), (cab + 0.5, y, high)]
        stripe_y = s * (side + 0.012)
        stripe = [
            (-half, stripe_y, 1.7),
            (cab - 0.25, stripe_y, 1.7),
            (cab - 0.25, stripe_y, 2.1),
            (-half, stripe_y, 2.1),
        ]
        for quad, color in ((window, GLASS), (stripe, paint)):
            mesh.add(quad if s < 0 else quad[::-1], color, tag)
    back = -half - 0.012
    mesh.add(
        [(back, 0.03, 1.1), (back, -0.03, 1.1), (back, -0.03, height), (back, 0.03, height)], PLASTIC, tag
    )
    mesh.add(
        [(back, side, 0.75), (back, -side, 0.75), (back, -side, 0.95), (back, side, 0.95)],
        (0.75, 0.2, 0.1),
        tag,
    )
    add_wheels(mesh, body, (-0.34, -0.2, 0.36), 0.5, fine)
