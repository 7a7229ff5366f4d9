"""What a bundle carries: whose each file is, under which licence, and how that is told (texts, index, SBOM)."""
