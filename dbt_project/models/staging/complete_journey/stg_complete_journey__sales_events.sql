with lines as (

    select * from {{ landed('complete_journey', 'sales_events') }}

),

items as (

    select * from {{ landed('complete_journey', 'products') }}

),

item_categories as (

    -- the category of an item as its files gave it over time
    select
        product_id,
        coalesce(product_category, 'UNCATEGORISED') as product_category,
        known_on as known_from,
        lead(known_on) over (
            partition by product_id
            order by known_on, file_id, row_number
        ) as known_until
    from items

),

renamed as (

    select
        ---------- line
        lines.file_id,
        lines.row_number,
        lines.known_on,
        lines.unparsed_line,

        ---------- ids: the product that is forecast is the item's category
        lines.basket_id || '-' || lines.product_id as event_id,
        lines.store_id,
        case
            when lines.product_id is not null
                then coalesce(item_categories.product_category, 'UNCATEGORISED')
        end as product_id,
        lines.household_id as customer_id,

        ---------- text
        cast(null as varchar) as currency,

        ---------- numerics
        lines.quantity,
        cast(null as decimal(18, 4)) as unit_price,
        lines.sales_value as net_amount,

        ---------- booleans
        true as is_demand,

        ---------- timestamps
        lines.sold_at
    from lines
    left join item_categories
        on
            lines.product_id = item_categories.product_id
            and lines.known_on >= item_categories.known_from
            and lines.known_on < coalesce(item_categories.known_until, date '9999-12-31')

)

select * from renamed
