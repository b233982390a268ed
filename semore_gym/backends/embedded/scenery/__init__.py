"""What everything looks like: roads, houses, plants, vehicles and people as surfaces."""
