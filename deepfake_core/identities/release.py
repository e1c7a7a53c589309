"""Who speaks for the project: signs the records of rendered people, and its list of withdrawals.

A constant, not a setting or a file: whoever wants another one has to change the program. docs/consent.md says how a
release is signed.
"""

PUBLIC_KEY = "did:key:z6Mkoky1T4AunDapA6oLF5qkakMczPQB8ByJMEicFXWMXBgZ"
