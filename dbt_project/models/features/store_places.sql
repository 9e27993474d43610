{{ config(materialized='view') }}

with stores as (

    select * from {{ ref('dim_store') }}

),

store_places as (

    select
        store_id,
        source,
        country,
        source || '/' || region as region
    from stores

)

select * from store_places
