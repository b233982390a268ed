"""CRIS (Wang et al. 2022), a referring segmenter made of CLIP."""
