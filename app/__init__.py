"""The web app: reads the published Parquet snapshot and nothing else."""
