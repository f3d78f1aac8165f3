-- Models of the train/predict routes: what is registered, and whether the program can run it.
CREATE TABLE models (
    id          serial PRIMARY KEY,
    name        varchar(255) NOT NULL UNIQUE,
    type        varchar(255) NOT NULL,
    description varchar(1023),
    class_name  varchar(511) NOT NULL,
    pipeline    bytea,
    features_ok boolean NOT NULL,
    pipeline_ok boolean NOT NULL
);
