"""Identity packs, consent records and the library that opens them."""
