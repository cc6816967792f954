"""The simulation: a home under one seed that decides its traffic, its faults and its clock."""
