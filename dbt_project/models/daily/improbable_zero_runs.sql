{{ config(pre_hook="{{ create_improbable_zero_runs_as_known() }}") }}

-- depends_on: {{ ref('daily_sales_changes') }}
-- depends_on: {{ ref('open_days') }}

with improbable_zero_runs as (

    -- as it is known now
    select
        ---------- ids
        product_id,
        store_id,

        ---------- numerics
        cast(days as integer) as days,
        sold_share,
        probability,

        ---------- booleans
        is_ongoing,

        ---------- dates
        starts_on,
        ends_on,
        known_on
    from improbable_zero_runs_as_known(date '9999-12-30')

)

select * from improbable_zero_runs
