"""``underpass demo``: the main job, shown on real servers."""
