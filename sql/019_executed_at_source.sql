-- Which time an execution's is: its own, or that of its order, its event or its receipt, because it had none.
ALTER TABLE execution_events ADD COLUMN executed_at_source text NOT NULL DEFAULT 'executed_at'
    CHECK (executed_at_source IN ('executed_at', 'updated_at', 'timestamp', 'receipt'));
