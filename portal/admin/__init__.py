"""The administrators' pages: what a clinic decides about itself."""
