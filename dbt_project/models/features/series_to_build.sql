{{ config(materialized='view') }}

with series as (

    select * from {{ ref('forecast_series') }}

),

origins as (

    select * from {{ ref('origins_to_build') }}

),

series_to_build as (

    select
        ---------- ids
        series.product_id,
        series.store_id,
        series.source,

        ---------- text
        series.left_out_reason,

        ---------- numerics
        series.series_number,
        series.sold_weeks,
        series.weeks_known,

        ---------- booleans
        series.is_in_scope,
        series.is_new,

        ---------- dates
        series.cutoff_on
    from series
    where series.cutoff_on in (select origins.cutoff_on from origins)

)

select * from series_to_build
