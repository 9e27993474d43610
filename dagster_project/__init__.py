"""meshcast: sales events become tested data products, the last of them a demand forecast."""
