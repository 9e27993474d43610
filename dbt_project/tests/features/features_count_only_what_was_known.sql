-- Finds series whose units of the last 28 days, as the features have them, are not those that the
-- changes known at the cutoff add up to. It takes the long way round, without states of knowledge.
with changes as (

    select * from {{ ref('daily_sales_changes') }}

),

features as (

    select * from {{ ref('feat_series') }}

),

known_changes as (

    select
        features.cutoff_on,
        features.product_id,
        features.store_id,
        sum(changes.units_sold) as units
    from features
    inner join changes
        on
            features.product_id = changes.product_id
            and features.store_id = changes.store_id
            and changes.sold_on between features.cutoff_on - 27 and features.cutoff_on
            and features.cutoff_on >= changes.known_on
    group by features.cutoff_on, features.product_id, features.store_id

),

differences as (

    select
        features.cutoff_on,
        features.product_id,
        features.store_id,
        features.units_28,
        known_changes.units
    from features
    left join known_changes
        on
            features.cutoff_on = known_changes.cutoff_on
            and features.product_id = known_changes.product_id
            and features.store_id = known_changes.store_id
    where features.units_28 != coalesce(known_changes.units, 0)

)

select * from differences
