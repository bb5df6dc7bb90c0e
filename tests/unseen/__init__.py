"""Wrong answers that the exercises have not seen before: made by rule, and written by hand."""
