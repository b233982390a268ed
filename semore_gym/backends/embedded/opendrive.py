"""The embedded roads as OpenDRIVE, so that CARLA can drive on the same geometry."""

from __future__ import annotations

from itertools import accumulate
from xml.etree import ElementTree as Xml

from semore_gym.backends.embedded.roads import Lane, Road

ROAD_IDS = {"street": (12, 12), "highway": (45, 46)}  # of the ego's side, as the scenarios say, and the other
KERB_HEIGHT = 0.15  # of a sidewalk above the road [m]
MARK_WIDTH = 0.15  # [m]


def opendrive(road: Road) -> str:
    """Describe a road as an OpenDRIVE 1.4 document, for `carla.Client.generate_opendrive_world`.

    A road with a median becomes two OpenDRIVE roads on one reference line, one a direction, so that lane ids
    and `s` are those of the embedded road (lane 0 has no width in OpenDRIVE). CARLA's world is left-handed:
    its y is minus the embedded road's.

    Args:
        road: An embedded road.

    Returns:
        The document as XML.

    Example:
        >>> from semore_gym.backends.embedded.roads import road
        >>> opendrive(road("street"))[:38]
        "<?xml version='1.0' encoding='utf-8'?>"
    """
    document = Xml.Element("OpenDRIVE")
    header = Xml.SubElement(document, "header", revMajor="1", revMinor="4", name=road.name)
    Xml.SubElement(header, "geoReference").text = "+proj=tmerc +lat_0=0 +lon_0=0"  # CARLA warns without
    ours, theirs = ROAD_IDS[road.name]
    lanes = [lane for lane in road.lanes.values() if lane.id]
    if 0 in road.lanes:
        median = road.lanes[0]
        _add_road(document, road, ours, [lane for lane in lanes if lane.id < 0], median.right)
        _add_road(document, road, theirs, [lane for lane in lanes if lane.id > 0], median.left)
    else:
        _add_road(document, road, ours, lanes, center=0.0)
    Xml.indent(document)
    return Xml.tostring(document, encoding="unicode", xml_declaration=True)


def _add_road(document: Xml.Element, road: Road, id: int, lanes: list[Lane], center: float) -> None:
    """Add one OpenDRIVE road whose lane 0 runs at the offset `center` [m] of the reference line."""
    element = Xml.SubElement(
        document, "road", name=road.name, length=_number(road.length), id=str(id), junction="-1"
    )
    kind = Xml.SubElement(element, "type", s="0", type="town" if center == 0.0 else "motorway")
    Xml.SubElement(kind, "speed", max=_number(road.speed_limit), unit="m/s")
    _add_reference_line(Xml.SubElement(element, "planView"), road)
    _add_polynomial(Xml.SubElement(element, "elevationProfile"), "elevation", 0.0)
    across = Xml.SubElement(element, "lanes")
    _add_polynomial(across, "laneOffset", center)
    section = Xml.SubElement(across, "laneSection", s="0")
    left = sorted((lane for lane in lanes if lane.id > 0), key=lambda lane: -lane.id)
    right = sorted((lane for lane in lanes if lane.id < 0), key=lambda lane: -lane.id)
    if left:
        _add_lanes(Xml.SubElement(section, "left"), left)
    middle = Xml.SubElement(Xml.SubElement(section, "center"), "lane", id="0", type="none", level="false")
    _add_mark(middle, "broken" if left and right else "solid")
    if right:
        _add_lanes(Xml.SubElement(section, "right"), right)


def _add_reference_line(plan: Xml.Element, road: Road) -> None:
    starts = accumulate((bend.length for bend in road.bends), initial=0.0)
    for s, bend in zip(starts, road.bends, strict=False):
        x, y, heading = road.pose(s)
        place = {"s": s, "x": x, "y": y, "hdg": heading, "length": bend.length}
        geometry = Xml.SubElement(plan, "geometry", {name: _number(value) for name, value in place.items()})
        if bend.start != bend.end:
            Xml.SubElement(geometry, "spiral", curvStart=_number(bend.start), curvEnd=_number(bend.end))
        elif bend.start:
            Xml.SubElement(geometry, "arc", curvature=_number(bend.start))
        else:
            Xml.SubElement(geometry, "line")


def _add_lanes(side: Xml.Element, lanes: list[Lane]) -> None:
    driving = [abs(lane.id) for lane in lanes if lane.kind == "driving"]
    for lane in lanes:
        element = Xml.SubElement(side, "lane", id=str(lane.id), type=lane.kind, level="false")
        _add_polynomial(element, "width", lane.left - lane.right, start="sOffset")
        _add_mark(element, "broken" if abs(lane.id) < max(driving) else "solid")
        if lane.kind == "sidewalk":
            height = _number(KERB_HEIGHT)
            Xml.SubElement(element, "height", sOffset="0", inner=height, outer=height)


def _add_mark(lane: Xml.Element, kind: str) -> None:
    change = "both" if kind == "broken" else "none"
    Xml.SubElement(
        lane,
        "roadMark",
        sOffset="0",
        type=kind,
        weight="standard",
        color="standard",
        width=_number(MARK_WIDTH),
        laneChange=change,
    )


def _add_polynomial(parent: Xml.Element, name: str, constant: float, start: str = "s") -> None:
    """Add one of OpenDRIVE's cubics in s that is constant here."""
    Xml.SubElement(parent, name, {start: "0", "a": _number(constant), "b": "0", "c": "0", "d": "0"})


def _number(value: float) -> str:
    return repr(float(value))
