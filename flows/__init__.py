"""Everything that touches the world: files, databases, the clock, Prefect. Holds no billing rule."""
