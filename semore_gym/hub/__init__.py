"""Share trained agents as folders without pickle, on Hugging Face's hub or anywhere else."""

from semore_gym.hub.folder import load_from_folder, save_to_folder
from semore_gym.hub.remote import exists_on_hub, load_from_hub, push_to_hub

__all__ = ["exists_on_hub", "load_from_folder", "load_from_hub", "push_to_hub", "save_to_folder"]
