-- Finds features of planned promotions that no plan known at their cutoff is the reason of. The
-- cutoffs of backtests stand for all.
with features as (

    select * from {{ ref('feat_promotion') }}

),

origins as (

    select * from {{ ref('forecast_origins') }}

),

promotions as (

    select * from {{ ref('promotions') }}

),

checked as (

    select
        features.cutoff_on,
        features.product_id,
        features.store_id,
        features.target_on
    from features
    inner join origins on features.cutoff_on = origins.cutoff_on
    where origins.is_backtest_grid

),

not_of_the_store as (

    select
        checked.cutoff_on,
        checked.product_id,
        checked.store_id,
        checked.target_on
    from checked
    left join promotions
        on
            checked.product_id = promotions.product_id
            and checked.store_id = promotions.store_id
            and checked.target_on between promotions.starts_on and promotions.ends_on
            and checked.cutoff_on >= promotions.known_on
    where promotions.product_id is null

),

groundless as (

    select
        not_of_the_store.cutoff_on,
        not_of_the_store.product_id,
        not_of_the_store.store_id,
        not_of_the_store.target_on
    from not_of_the_store
    left join promotions
        on
            not_of_the_store.product_id = promotions.product_id
            and promotions.store_id is null
            and not_of_the_store.target_on between promotions.starts_on and promotions.ends_on
            and not_of_the_store.cutoff_on >= promotions.known_on
    where promotions.product_id is null

)

select * from groundless
