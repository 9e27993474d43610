"""Commands of `meshcast` that are more than a line, one file each, and what all of them share."""
