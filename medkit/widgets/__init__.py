"""What the sliders do: plain functions from numbers to a picture, and thin constructors on top.

One file a notebook. Every `..._picture` is an ordinary function: a notebook calls it for the static
figure, a test calls it at its ends, and a slider calls it with what the reader has set. `explore_...`
puts the sliders above that picture; all of them can be moved with Tab and the arrow keys.
"""
