"""How a lane goes on where its road ends and another begins, or several do."""

from __future__ import annotations

import math

import carla

STEP = 1.0  # between the places of a route that are remembered [m]
BEND_LENGTH = 5.0  # over which a bend is measured [m]


class Route:
    """A lane followed from one of its points; each place is looked up once.

    Where it forks, it goes on where the fewest lanes beside it are lost or won, so a highway is not left by
    an exit; among those, where it turns least until it leaves the junction, and right rather than left.

    Args:
        start: Where it begins.
        forwards: Whether it goes in the lane's direction.
    """

    def __init__(self, start: carla.Waypoint, forwards: bool = True) -> None:
        self._forwards = forwards
        self._places = [start]  # one every `STEP`

    def at(self, distance: float) -> carla.Waypoint | None:
        """The place so far on [m, >= 0]; None past the map's end."""
        whole = int(distance / STEP)
        while len(self._places) <= whole:
            following = self._next(self._places[-1], STEP)
            if following is None:
                return None
            self._places.append(following)
        place, rest = self._places[whole], distance - whole * STEP
        return self._next(place, rest) if rest > 0.01 else place

    def bend(self, distance: float) -> float:
        """Curvature so far on [m], positive = turning left on the way [1/m]; 0 past the map's end."""
        ends = [self.at(distance + step) for step in (-BEND_LENGTH / 2, BEND_LENGTH / 2)]
        if ends[0] is None or ends[1] is None:
            return 0.0
        return -math.radians(_turn(*(end for end in ends if end is not None))) / BEND_LENGTH

    def _next(self, place: carla.Waypoint, step: float) -> carla.Waypoint | None:
        following = place.next(step) if self._forwards else place.previous(step)
        if len(following) < 2:
            return following[0] if following else None
        width = sum(carriageway(place))

        def detour(branch: carla.Waypoint) -> tuple[int, int, float]:
            lane = branch.next_until_lane_end if self._forwards else branch.previous_until_lane_start
            turn = _turn(place, [branch, *lane(STEP)][-1])
            return round(abs(sum(carriageway(branch)) - width)), round(abs(turn)), -turn

        return min(following, key=detour)


def carriageway(waypoint: carla.Waypoint) -> tuple[float, float]:
    """From a lane's centre to the edges of the driving lanes that join up with it, in its direction.

    Returns:
        To the left edge and to the right edge [m].
    """
    half = waypoint.lane_width / 2
    beside = [sum(lane.lane_width for lane in lanes_beside(waypoint, left)) for left in (True, False)]
    return half + beside[0], half + beside[1]


def lanes_beside(waypoint: carla.Waypoint, left: bool) -> list[carla.Waypoint]:
    """The driving lanes that join up with one on a side of it, from the nearest on."""
    lanes: list[carla.Waypoint] = []
    lane = waypoint
    while True:
        # past the middle of the road lanes run the other way, and "left" means back
        same_way = lane.lane_id * waypoint.lane_id > 0
        beside = lane.get_left_lane() if left == same_way else lane.get_right_lane()
        if beside is None or beside.lane_type != carla.LaneType.Driving:
            return lanes
        lanes.append(beside)
        lane = beside


def _turn(before: carla.Waypoint, after: carla.Waypoint) -> float:
    """From one direction to another, positive = to the right [deg]."""
    return math.remainder(after.transform.rotation.yaw - before.transform.rotation.yaw, 360.0)
