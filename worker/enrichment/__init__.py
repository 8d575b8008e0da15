"""Outside sources that are asked about companies: never in the way of a judgement, their answers come as events."""
