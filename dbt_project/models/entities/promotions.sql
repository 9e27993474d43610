{{ config(materialized='view') }}

with decided as (

    select * from {{ ref('promotions_decided') }}

),

deployed as (

    select * from {{ ref('declared_sources') }}

),

promotions as (

    select
        decided.source,
        decided.product_id,
        decided.store_id,
        decided.promotion_kind,
        decided.share,
        decided.starts_on,
        decided.ends_on,
        decided.known_on
    from decided
    inner join deployed on decided.source = deployed.source
    where
        decided.is_first
        and decided.reason_code is null

)

select * from promotions
