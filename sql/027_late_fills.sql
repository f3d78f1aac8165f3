-- A fill that was heard of after its decision had been settled. The row is made again where prices still allow it, available
-- from then on; until that is done, or for good where they do not, it says so: its outcome is that of the fills known before.
ALTER TABLE samples ADD COLUMN is_stale_fill boolean NOT NULL DEFAULT false;
