-- Finds features of planned promotions that no plan known at their cutoff is the reason of.
with features as (

    select * from {{ ref('feat_promotion') }}

),

promotions as (

    select * from {{ ref('promotions') }}

),

groundless as (

    select features.*
    from features
    left join promotions
        on
            features.product_id = promotions.product_id
            and features.store_id = coalesce(promotions.store_id, features.store_id)
            and features.target_on between promotions.starts_on and promotions.ends_on
            and features.cutoff_on >= promotions.known_on
    where promotions.product_id is null

)

select * from groundless
