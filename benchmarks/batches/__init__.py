"""What batches cost, against the emulator in processes of its own."""
