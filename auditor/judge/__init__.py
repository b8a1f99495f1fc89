"""From facts to verdicts: the registry of checks, the engine, verdicts, fingerprints and suppression."""
