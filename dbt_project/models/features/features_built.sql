{{ config(
    materialized='incremental',
    unique_key='cutoff_on',
    incremental_strategy='delete+insert',
    on_schema_change='fail',
) }}

-- depends_on: {{ ref('feat_series') }}
-- depends_on: {{ ref('feat_weekday') }}
-- depends_on: {{ ref('feat_last_year') }}
-- depends_on: {{ ref('feat_last_years') }}
-- depends_on: {{ ref('feat_promotion') }}
-- depends_on: {{ ref('feat_promotion_history') }}
-- depends_on: {{ ref('feat_situation') }}
-- depends_on: {{ ref('feat_base') }}
-- depends_on: {{ ref('feat_base_day') }}
-- depends_on: {{ ref('feat_cold_start') }}

with origins_to_build as (

    select * from {{ ref('origins_to_build') }}

),

features_built as (

    select
        cutoff_on,
        scope,
        code,
        files
    from origins_to_build

)

select * from features_built
