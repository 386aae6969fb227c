"""What tests share. `fake_`: made up for a test; `stand_in_`: plays a service; `recorded_`: real output."""
