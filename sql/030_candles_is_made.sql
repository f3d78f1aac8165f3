-- A candle made here from trades or prices never takes the place of one an exchange, a person or a file gave.
ALTER TABLE candles ADD COLUMN is_made boolean NOT NULL DEFAULT true;
