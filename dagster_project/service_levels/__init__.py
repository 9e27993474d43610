"""Every promise of the contracts, measured: figures, state, and the status that is published."""
