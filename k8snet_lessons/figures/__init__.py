"""What is seen: results in, plotly figures out; pure, no widgets."""
