with zero_runs as (

    select * from {{ ref('improbable_zero_runs') }}

),

stockouts as (

    select
        -- ids
        product_id,
        store_id,

        -- numerics
        days,
        cast(sold_share as decimal(9, 6)) as sold_share,

        -- booleans
        is_ongoing,

        -- timestamps
        starts_on,
        ends_on,
        known_on
    from zero_runs

)

select * from stockouts
