"""Views: what people look at, made from a run: plots, the globe, CZML, the report."""
