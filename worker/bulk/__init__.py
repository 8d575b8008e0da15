"""Files of many leads or events: exhibition lists, exports of MA tools, years of history."""
