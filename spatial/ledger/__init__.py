"""The ledger of tasks and projects: records, how they are declared to be counted, and what they come to."""
