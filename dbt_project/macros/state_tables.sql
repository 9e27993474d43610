{#- The only DDL of the tables that outlive a full refresh: the register of landed files, the model
    versions, the forecast ledger, the evidence of backtests and the measured service levels. dbt
    runs it at the start of every run; meshcast reads this same file, so its body stays plain SQL
    without Jinja. -#}
{% macro create_state_tables() %}
create schema if not exists state;

create table if not exists state.home (
    schema_version integer not null
);

create table if not exists state.landing_files (
    file_id bigint not null,
    source varchar not null,
    entity varchar not null,
    path varchar not null,
    readable_path varchar,
    business_on date,
    format varchar,
    size_bytes bigint not null,
    sha256 varchar,
    row_count bigint,
    column_names varchar[],
    extra_columns varchar[],
    first_seen_at timestamp with time zone not null,
    status varchar not null,
    reason varchar
);

create table if not exists state.model_versions (
    model_version varchar not null,
    trained_at timestamp with time zone not null,
    trained_through_on date not null,
    model blob not null,
    sha256 varchar not null,
    parameters json not null,
    features varchar[] not null,
    seed bigint not null,
    scope varchar not null,
    feature_code varchar not null,
    input_fingerprint varchar not null,
    code_revision varchar not null,
    packages json not null,
    metrics json not null,
    verdict varchar not null,
    reasons varchar[] not null,
    is_champion boolean not null,
    is_backfill boolean not null,
    state_format integer
);

alter table state.model_versions add column if not exists state_format integer;

create table if not exists state.backtest_scores (
    model_version varchar not null,
    method varchar not null,
    cutoff_on date,
    slice varchar not null,
    slice_value varchar not null,
    metric varchar not null,
    score double,
    observations bigint not null
);

create table if not exists state.forecast_value_added (
    model_version varchar not null,
    slice varchar not null,
    product_id varchar,
    store_id varchar,
    category varchar,
    region varchar,
    rung varchar not null,
    days bigint not null,
    rmsse decimal(18, 4),
    mae decimal(18, 4),
    wape decimal(18, 4),
    bias decimal(18, 4),
    value_added decimal(18, 4),
    value_added_lower decimal(18, 4),
    value_added_upper decimal(18, 4)
);

create table if not exists state.forecast_versions (
    forecast_version bigint not null,
    cutoff_on date not null,
    issued_at timestamp with time zone not null,
    known_as_of date not null,
    model_version varchar not null,
    input_fingerprint varchar not null,
    horizon_days integer not null,
    series bigint not null,
    fallback_series bigint not null,
    is_backfill boolean not null
);

create table if not exists state.forecast_ledger (
    forecast_version bigint not null,
    issued_at timestamp with time zone not null,
    cutoff_on date not null,
    target_on date not null,
    horizon_days integer not null,
    store_id varchar not null,
    product_id varchar not null,
    units_mean decimal(18, 4) not null,
    units_p025 decimal(18, 4) not null,
    units_p10 decimal(18, 4) not null,
    units_p50 decimal(18, 4) not null,
    units_p90 decimal(18, 4) not null,
    units_p975 decimal(18, 4) not null,
    model_version varchar not null,
    is_fallback boolean not null,
    is_backfill boolean not null,
    method varchar
);

alter table state.forecast_ledger add column if not exists method varchar;

create table if not exists state.forecast_explanations (
    forecast_version bigint not null,
    cutoff_on date not null,
    target_on date not null,
    horizon_days integer not null,
    store_id varchar not null,
    product_id varchar not null,
    units_mean decimal(18, 4) not null,
    units_base decimal(18, 4) not null,
    units_level decimal(18, 4) not null,
    units_season decimal(18, 4) not null,
    units_trend decimal(18, 4) not null,
    units_calendar decimal(18, 4) not null,
    units_promotion decimal(18, 4) not null,
    units_price decimal(18, 4) not null,
    units_store decimal(18, 4) not null,
    units_product decimal(18, 4) not null,
    explained_by varchar not null,
    model_version varchar not null,
    is_backfill boolean not null
);

create table if not exists state.forecast_paths (
    forecast_version bigint not null,
    store_id varchar not null,
    product_id varchar not null,
    target_on date not null,
    units_paths float[119] not null
);

create table if not exists state.publications (
    publication bigint not null,
    published_at timestamp with time zone not null,
    kind varchar not null,
    cutoff_on date not null,
    forecast_version bigint not null,
    model_version varchar not null,
    is_current boolean not null
);

create table if not exists state.slo_measurements (
    product varchar not null,
    slo varchar not null,
    element varchar not null,
    severity varchar not null,
    target double not null,
    unit varchar not null,
    measured double,
    met boolean,
    reason varchar,
    window_days integer not null,
    error_budget double,
    measured_on date not null,
    measured_at timestamp with time zone not null,
    publication bigint not null
);
{% endmacro %}
