with promotions as (

    select * from {{ landed('complete_journey', 'promotions') }}

),

items as (

    select * from {{ landed('complete_journey', 'products') }}

),

item_categories as (

    select
        product_id,
        min(coalesce(product_category, 'UNCATEGORISED')) as product_category
    from items
    group by 1

),

category_sizes as (

    select
        product_category,
        count(*) as items
    from item_categories
    group by 1

),

promoted_items as (

    select
        promotions.file_id,
        promotions.known_on,
        item_categories.product_category,
        promotions.store_id,
        promotions.starts_on,
        promotions.ends_on,
        min(promotions.row_number) as row_number,
        count(*) filter (where promotions.display_location <> '0') as displayed_items,
        count(*) filter (where promotions.mailer_location <> '0') as mailed_items
    from promotions
    inner join item_categories on promotions.product_id = item_categories.product_id
    group by 1, 2, 3, 4, 5, 6

),

kinds as (

    select
        *,
        'display' as promotion_kind,
        displayed_items as items
    from promoted_items
    union all
    select
        *,
        'mailer' as promotion_kind,
        mailed_items as items
    from promoted_items

),

promoted_categories as (

    select
        ---------- line
        kinds.file_id,
        kinds.row_number,
        kinds.known_on,

        ---------- ids
        kinds.product_category as product_id,
        cast(kinds.store_id as varchar) as store_id,

        ---------- text
        kinds.promotion_kind,

        ---------- numerics
        least(kinds.items / category_sizes.items, 1) as share,

        ---------- dates
        cast(kinds.starts_on as date) as starts_on,
        cast(kinds.ends_on as date) as ends_on
    from kinds
    inner join category_sizes on kinds.product_category = category_sizes.product_category
    where kinds.items > 0

)

select * from promoted_categories
