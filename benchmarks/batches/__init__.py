"""The cost of batches, with the emulator in a process of its own."""
