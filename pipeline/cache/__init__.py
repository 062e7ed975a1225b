"""The cache of stage outputs: keys, freshness, local and remote stores, housekeeping."""
