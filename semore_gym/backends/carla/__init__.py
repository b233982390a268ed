"""Driving on a CARLA 0.9.16 server; nothing here is imported before it is asked for."""
