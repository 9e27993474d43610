{{ config(materialized='view') }}

with series as (

    select * from {{ ref('forecast_series') }}

),

origins as (

    select * from {{ ref('origins_to_build') }}

),

series_to_build as (

    select series.*
    from series
    where series.cutoff_on in (select origins.cutoff_on from origins)

)

select * from series_to_build
